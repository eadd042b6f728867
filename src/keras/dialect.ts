import { isFloat } from '../graph/elementTypes.ts';
import type { Dialect } from '../python/dialect.ts';
import { tuple } from '../python/python.ts';
import { stepsStatement } from '../python/steps.ts';
import { dtypeOf, kerasForms } from './forms.ts';
import { helpers } from './helpers.ts';
import { denseLayer, embeddingLayer, tiedLayer } from './layers.ts';
import { recurrentStatements } from './recurrentStatements.ts';

const WEIGHTS_FILE = 'model.npz';

/** A `keras.Model` with weights as NumPy's arrays, named by the attributes that hold them. */
export const kerasDialect: Dialect = {
  framework: 'Keras',
  forms: kerasForms,
  helpers,
  reservedLocals: [
    'attrgetter',
    'keras',
    'layers',
    'np',
    'ops',
    'float',
    'len',
    'list',
    'range',
    'slice',
    'tuple',
    'zip',
  ],
  reservedMembers: (
    'activity_regularizer add_loss add_metric add_variable add_weight autocast build build_from_config built call ' +
    'call_signature_parameters compile compile_from_config compiled compute_dtype compute_loss ' +
    'compute_loss_and_updates compute_mask compute_metrics compute_output_shape compute_output_spec count_params dtype ' +
    'dtype_policy evaluate export fit from_config get_build_config get_compile_config get_config get_layer ' +
    'get_metrics_result get_quantization_layer_structure get_state_tree get_weights input input_dtype input_spec inputs ' +
    'jax_state_sync jit_compile layers load_own_variables load_weights loss losses make_predict_function ' +
    'make_test_function make_train_function metrics metrics_names metrics_variables name non_trainable_variables ' +
    'non_trainable_weights optimizer output outputs path predict predict_function predict_on_batch predict_step ' +
    'quantization_mode quantize quantized_build quantized_call rematerialized_call reset_metrics run_eagerly save ' +
    'save_own_variables save_weights set_state_tree set_weights stateless_call stateless_compute_loss ' +
    'steps_per_execution summary supports_jit supports_masking symbolic_call test_function test_on_batch test_step ' +
    'to_json train_function train_on_batch train_step trainable trainable_variables trainable_weights variable_dtype ' +
    'variables weights'
  ).split(' '),
  embedding: embeddingLayer,
  linear: denseLayer,
  tied: tiedLayer,
  recurrent: (_, conversion) => ({
    statements: (node) => recurrentStatements(node, conversion),
    steps: (node) => stepsStatement(node, () => true, conversion),
  }),
  text: {
    kind: 'a Keras model',
    weightsFile: WEIGHTS_FILE,
    imports: [
      'from operator import attrgetter',
      'from pathlib import Path',
      '',
      'import keras',
      'import numpy as np',
      'from keras import layers, ops',
    ],
    baseClass: 'keras.Model',
    // Keras would make float32 of all other reals.
    init: ({ inputs }) => {
      const isUsual = inputs.every(({ type }) => type.elementType === 'float32' || !isFloat(type.elementType));
      return `super().__init__(${isUsual ? '' : 'autocast=False'})`;
    },
    method: 'call',
    buffer: (name, dims, elementType) => {
      const options = `dtype=${dtypeOf(elementType)}, initializer="zeros", trainable=False`;
      return `self.${name} = self.add_weight(shape=${tuple(dims)}, ${options}, name="${name}")`;
    },
    load: [
      `def load(path=Path(__file__).with_name("${WEIGHTS_FILE}")):`,
      '    """The model with its weights, ready to run."""',
      '    model = Model()',
      '    with np.load(path) as arrays:',
      '        for name, values in arrays.items():',
      '            attrgetter(name)(model).assign(values)',
      '    return model',
    ],
  },
};
