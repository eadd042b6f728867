/**
 * Tells gestures apart over HTTP: node server.mjs [port]
 *
 *   curl -d '[[0.1, 0.9, -0.2], …]' localhost:8080    →    {"gesture":2,"scores":[…]}
 *
 * A request has the readings of a gesture, three numbers each. The model is what slimrnn made of that of ../pytorch; no
 * slimrnn is needed to run it.
 */
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';

const AXES = 3;
/** Bytes that a request may have. */
const LIMIT = 1e6;

/** A server of this model, not listening yet. */
export async function gestureServer(model = fileURLToPath(new URL('model.onnx', import.meta.url))) {
  // Made once; one thread, because the model is small and requests come side by side.
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1 });
  return createServer(async (request, response) => {
    const answer = (status, body) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
    try {
      const readings = readingsOf(await bodyOf(request));
      const x = new ort.Tensor('float32', Float32Array.from(readings.flat()), [1, readings.length, AXES]);
      const scores = Array.from((await session.run({ x })).scores.data);
      answer(200, { gesture: scores.indexOf(Math.max(...scores)), scores });
    } catch (error) {
      answer(error instanceof RangeError ? 400 : 500, { error: error.message });
    }
  });
}

async function bodyOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > LIMIT) throw new RangeError(`a request has at most ${LIMIT} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

/** The readings in a request; throws a RangeError that says what it should be. */
function readingsOf(text) {
  let readings;
  try {
    readings = JSON.parse(text);
  } catch {
    readings = undefined;
  }
  const isReading = (r) => Array.isArray(r) && r.length === AXES && r.every(Number.isFinite);
  if (Array.isArray(readings) && readings.length > 0 && readings.every(isReading)) return readings;
  throw new RangeError(`expected a JSON list of readings, ${AXES} numbers each`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const port = Number(process.argv[2] ?? 8080);
  (await gestureServer()).listen(port, () => console.log(`http://localhost:${port}`));
}
