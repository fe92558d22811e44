import './own-model.css'
import { useId, useState } from 'preact/hooks'
import { cancelLoad, load } from '../../actions'
import type { ModelFacts } from '../../engine'
import { bytes, count } from '../../format'
import { linkTo } from '../../route'
import { loading, model, problem } from '../../state'
import { Card } from '../../ui/fields'

export const OwnModel = () => (
  <>
    <div class="view-head">
      <h1>Open your own model</h1>
      <p>
        Any LLaMA or LLaMA 2 that fits into memory. Files are read in this tab and go nowhere; a name is fetched from
        Hugging Face.
      </p>
    </div>
    <div class="stack">
      <div class="two">
        <Files />
        <Named />
      </div>
      <Progress />
      <Loaded />
    </div>
  </>
)

const Files = () => {
  const [over, setOver] = useState(false)
  const input = useId()
  return (
    <Card title="From your disk">
      <label
        class={over ? 'drop over' : 'drop'}
        for={input}
        onDragOver={event => {
          event.preventDefault()
          setOver(true)
        }}
        onDragLeave={() => setOver(false)}
        onDrop={event => {
          event.preventDefault()
          setOver(false)
          void filesOf(event.dataTransfer).then(open)
        }}
      >
        <strong>Drop a model here, or choose its files</strong>
        <span class="hint">
          a GGUF file, or the files of a safetensors folder, or a llama2.c model (.bin) with its tokenizer
        </span>
        <span class="choose" aria-hidden="true">
          Choose files
        </span>
        <input
          id={input}
          class="only-read"
          type="file"
          multiple
          onChange={event => {
            const { files } = event.currentTarget
            void open(Array.from(files ?? []))
            event.currentTarget.value = ''
          }}
        />
      </label>
      <p class="hint">Choose all files that belong together at once: the weights, config.json and the tokenizer.</p>
    </Card>
  )
}

const open = async (files: readonly File[]): Promise<void> => {
  if (files.length === 0) return
  await load({ kind: 'files', files })
}

/** The files that were dropped, those of a folder among them. */
const filesOf = async (dropped: DataTransfer | null): Promise<File[]> => {
  if (!dropped) return []
  // The list is emptied as soon as this handler waits, so it is read at once.
  const entries = Array.from(dropped.items).flatMap(item => item.webkitGetAsEntry() ?? [])
  if (entries.length === 0) return Array.from(dropped.files)
  try {
    return (await Promise.all(entries.map(filesIn))).flat()
  } catch (error) {
    problem.value = `A dropped file could not be read: ${(error as Error).message}`
    return []
  }
}

const filesIn = async (entry: FileSystemEntry): Promise<File[]> => {
  if (entry.isFile)
    return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))]
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const found: File[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) return found
    // Folders within the folder hold nothing of a model.
    const files = await Promise.all(some.filter(({ isFile }) => isFile).map(filesIn))
    found.push(...files.flat())
  }
}

const Named = () => {
  const [name, setName] = useState('')
  return (
    <Card title="From Hugging Face">
      <form
        class="field"
        onSubmit={event => {
          event.preventDefault()
          void load({ kind: 'named', name: name.startsWith('hf:') || name.includes('://') ? name : `hf:${name}` })
        }}
      >
        <label for="hf">Name of the model</label>
        <input
          id="hf"
          type="text"
          required
          placeholder="owner/name"
          spellcheck={false}
          autocapitalize="off"
          value={name}
          aria-describedby="hf-hint"
          onInput={event => setName(event.currentTarget.value.trim())}
        />
        <p class="hint" id="hf-hint">
          The browser fetches the files from huggingface.co. A model of 100 million parameters is about 200 MB.
        </p>
        <div class="buttons">
          <button type="submit">Fetch and open</button>
        </div>
      </form>
    </Card>
  )
}

const Progress = () => {
  const { value: progress } = loading
  if (!progress) return null
  return (
    <div class="model-line">
      <label>
        {progress.total > 0 ? `${bytes(progress.loaded)} of ${bytes(progress.total)}` : 'Opening the model…'}
        <progress value={progress.total > 0 ? progress.loaded : undefined} max={progress.total || 1} />
      </label>
      <button type="button" class="quiet" onClick={cancelLoad}>
        Cancel
      </button>
    </div>
  )
}

const Loaded = () => {
  const { value: facts } = model
  if (!facts) return null
  return (
    <section class="card" data-loaded aria-labelledby="open-model">
      <h2 id="open-model">{facts.name} is open</h2>
      <dl class="facts">
        {rowsOf(facts).map(([term, text]) => (
          <div key={term} class={term === 'Runs on' ? 'wide' : undefined}>
            <dt>{term}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <p class="buttons">
        <a class="button" href={linkTo('write')}>
          Let it write
        </a>
        <a href={linkTo('look')}>Look inside</a>
        {!facts.embedded && (
          <button type="button" class="quiet" onClick={() => void load({ kind: 'embedded' })}>
            Back to the model of this page
          </button>
        )}
      </p>
    </section>
  )
}

const rowsOf = (facts: ModelFacts): [string, string][] => [
  ['Parameters', count(facts.parameters)],
  ['Layers', String(facts.layers)],
  ['Width', String(facts.dim)],
  [
    'Heads',
    facts.kvHeads === facts.heads
      ? `${facts.heads}`
      : `${facts.heads} for queries, ${facts.kvHeads} for keys and values`,
  ],
  ['Vocabulary', `${facts.vocabulary.toLocaleString('en')} tokens`],
  ['Context', `${facts.context.toLocaleString('en')} tokens`],
  ['Memory', bytes(facts.bytes)],
  ['File format', facts.format],
  ['Runs on', `${facts.device} (${facts.deviceDetail})`],
]
