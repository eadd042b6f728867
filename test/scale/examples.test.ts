import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { works } from '../support/scale.ts';

/*
 * The examples for clusters, each read by the tool that it is for.
 */

const folder = fileURLToPath(new URL('../../examples/scale', import.meta.url));

function read(command: string, ...args: readonly string[]) {
  const { status, stderr } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, QUEUE_PASSWORD: 'x' },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
}

it.each(['workers.slurm', 'train.slurm'])('bash reads %s', (file) => read('bash', '-n', file));

it.skipIf(!works('docker', 'compose', 'version'))('docker compose reads compose.yaml', () => {
  read('docker', 'compose', '-f', 'compose.yaml', 'config', '--quiet');
});

it.skipIf(!works('kubeconform', '-v'))('kubeconform reads kubernetes.yaml', () => {
  read('kubeconform', '-strict', 'kubernetes.yaml');
});

it.skipIf(!works('python3', '-c', 'import yaml'))('compose.yaml and kubernetes.yaml are YAML', () => {
  const script = 'import sys, yaml\nfor name in sys.argv[1:]: list(yaml.safe_load_all(open(name)))';
  read('python3', '-c', script, 'compose.yaml', 'kubernetes.yaml');
});
