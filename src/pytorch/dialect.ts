import type { Dialect } from '../python/dialect.ts';
import { list } from '../python/python.ts';
import { stepsStatement } from '../python/steps.ts';
import { dtypeOf, torchForms } from './forms.ts';
import { helpers } from './helpers.ts';
import { embeddingLayer, linearLayer, tiedLayer } from './layers.ts';
import { recurrentStatements } from './recurrentStatements.ts';
import { stacksOf } from './stacks.ts';

const WEIGHTS_FILE = 'model.safetensors';

/** A `torch.nn.Module` with weights as safetensors. */
export const torchDialect: Dialect = {
  framework: 'PyTorch',
  forms: torchForms,
  helpers,
  reservedLocals: ['torch', 'nn', 'float', 'list'],
  reservedMembers: (
    'add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval extra_repr ' +
    'float forward half ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters ' +
    'parameters register_buffer register_module register_parameter requires_grad_ share_memory state_dict to to_empty ' +
    'train training type xpu zero_grad'
  ).split(' '),
  embedding: embeddingLayer,
  linear: linearLayer,
  tied: tiedLayer,
  recurrent: (graph, conversion) => {
    const stacks = stacksOf(graph, conversion);
    return {
      statements: (node) => {
        const stack = stacks.get(node);
        return stack ? recurrentStatements(stack, conversion) : [];
      },
      steps: (node) => stepsStatement(node, (layer) => Boolean(stacks.get(layer)?.isBatchFirst), conversion),
    };
  },
  text: {
    kind: 'a PyTorch module',
    weightsFile: WEIGHTS_FILE,
    imports: [
      'from pathlib import Path',
      '',
      'import torch',
      'from safetensors.torch import load_model',
      'from torch import nn',
    ],
    baseClass: 'nn.Module',
    init: () => 'super().__init__()',
    method: 'forward',
    buffer: (name, dims, elementType) =>
      `self.register_buffer("${name}", torch.empty(${list(dims)}, dtype=${dtypeOf(elementType)}))`,
    load: [
      `def load(path=Path(__file__).with_name("${WEIGHTS_FILE}")):`,
      '    """The model with its weights, ready to run."""',
      '    model = Model()',
      '    load_model(model, path)',
      '    return model.eval()',
    ],
  },
};
