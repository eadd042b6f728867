// The order matters: telemetry must be off before the package is loaded, which is loaded nowhere else.
import './telemetry.ts';

export * from 'onnxruntime-node';
