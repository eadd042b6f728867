/** What people call the sparsity methods, where that is not their identifier. */
const LABELS: Readonly<Record<string, string>> = {
  'group-lasso': 'group lasso',
  l1: 'ℓ1',
  'zeros-kept': 'zeros kept',
};

/** What people call a sparsity method; a kind that is not known is its own label. */
export function methodLabel(kind: string): string {
  return Object.hasOwn(LABELS, kind) ? LABELS[kind]! : kind;
}
