/**
 * Flags of Node for tests and for the processes that they start: V8 optimises a function only once it has run for long.
 * Most of these processes end before that pays, and it took a quarter of their CPU time.
 */
export const nodeFlags = ['--interrupt-budget=500000'];
