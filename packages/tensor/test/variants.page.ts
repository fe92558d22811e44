import { runVariant, type VariantOutcome } from './cases/variants'

/** Runs the cases of each variant in the page. */
export default async ({ names, seed }: { names: readonly string[]; seed: number }) => {
  const found: Record<string, VariantOutcome> = {}
  for (const name of names) found[name] = await runVariant(name, seed)
  return found
}
