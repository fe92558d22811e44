import { fileURLToPath } from 'node:url'

/** The app's own folder: this file is in its `dist/` when it runs. */
const home = new URL('../', import.meta.url)

const path = (name: string) => fileURLToPath(new URL(name, home))

/** Synthetic models and files, written once and kept; git ignores it. */
export const cacheFolder = path('.cache')

/** The peers' own package, and its `node_modules` once `bench peers` has installed them. */
export const peersFolder = path('peers')

/** Built modules that pages load. */
export const pagesFolder = path('dist/pages')

/** Texts and vocabularies next to a clone, which are not part of it. */
export const dataFolder = path('../../../shared/data')

/** Times Hugging Face's native tokenizers. */
export const tokenizerScript = path('python/tokenizer.py')

/** Times training steps in PyTorch. */
export const trainingScript = path('python/training.py')
