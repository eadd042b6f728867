import { describe, expect, it } from 'vitest';
import { checkConfig } from './config.ts';
import { demoPreset, presets } from './presets.ts';

describe('presets', () => {
  it.each([...Object.entries(presets), ['demo', demoPreset]])('%s is a complete configuration', (name, preset) => {
    expect(checkConfig(preset, `preset ${name}`)).toEqual(preset);
  });

  // init, learning rate, clip, steps, hidden, epochs, keep, decay, batch: Zaremba et al. (2014) and the ISS paper's code.
  it.each([
    ['zaremba-small', 0.1, 1, 5, 20, 200, 13, 1, 0.5, 20],
    ['zaremba-medium', 0.05, 1, 5, 35, 650, 39, 0.5, 0.8, 20],
    ['zaremba-large', 0.04, 1, 10, 35, 1500, 55, 0.35, 1 / 1.15, 20],
    ['iss-large', 0.04, 1, 10, 35, 1500, 55, 0.6, 0.1, 20],
  ])('%s has the published values', (name, initScale, rate, clip, steps, hidden, epochs, keep, decay, batch) => {
    expect(presets[name]).toMatchObject({
      ...{ initScale, learningRate: rate, clip, steps, hidden: [hidden, hidden], embedding: hidden },
      ...{ epochs, keep, decay, batch },
    });
  });

  it('iss-large has the λ and τ of the paper', () => {
    expect(presets['iss-large']).toMatchObject({ iss: 0.00245, threshold: 1e-4 });
  });

  it('presets are dense unless their name says otherwise', () => {
    for (const [name, { iss }] of Object.entries(presets)) expect(iss > 0, name).toBe(name.includes('iss'));
  });

  // Drops x, i, h, o of .25 .75 .25 .75, and 0.6 times as much with ISS.
  it.each([
    ['rhn-sota', 0.75, 0.25, 0.75],
    ['rhn-iss', 0.85, 0.55, 0.85],
  ])('%s has the published values', (name, keepWords, keep, keepState) => {
    expect(presets[name]).toMatchObject({
      ...{ cell: 'rhn', hidden: [830], embedding: 830, depth: 10, transformBias: -2, initScale: 0.04, threshold: 4e-4 },
      ...{ learningRate: 0.2, decay: 1 / 1.02, flatEpochs: 20, epochs: 500, clip: 10, steps: 35, batch: 20 },
      ...{ keepWords, keep, keepState },
    });
  });
});
