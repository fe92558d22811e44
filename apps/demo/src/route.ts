import { computed, effect, signal } from '@preact/signals'
import { prompt, seed } from './state'

export const views = ['write', 'look', 'understand', 'model'] as const
export type View = (typeof views)[number]

export const viewNames: Readonly<Record<View, string>> = {
  write: 'Write',
  look: 'Look inside',
  understand: 'Understand',
  model: 'Your model',
}

/** The hash of the address, without its `#`: `/look?prompt=Once&seed=7` or `/understand/rotary`. */
const hash = signal(location.hash.slice(1))

const parts = computed(() => {
  const [path, query = ''] = hash.value.split('?', 2)
  const [view, panel] = path.split('/').filter(part => part !== '')
  return { view: views.find(name => name === view) ?? 'write', panel, query: new URLSearchParams(query) }
})

export const view = computed<View>(() => parts.value.view)

/** The panel of Understand, the part of Look: what stands after the view in the address. */
export const panel = computed(() => parts.value.panel)

/** The longest prompt that a link carries: browsers and chat programs cut longer addresses. */
const linkLimit = 1500

/** The hash that leads to a view, with the prompt and seed at hand. */
export const linkTo = (to: View, panel?: string): string => {
  const query = new URLSearchParams()
  if (to === 'write' || to === 'look') {
    query.set('prompt', prompt.value.slice(0, linkLimit))
    if (seed.value !== undefined) query.set('seed', String(seed.value))
  }
  return `#/${to}${panel ? `/${panel}` : ''}${query.size > 0 ? `?${query}` : ''}`
}

export const go = (to: View, panel?: string): void => {
  location.hash = linkTo(to, panel)
}

/** The address that opens this view with this prompt and seed. */
export const shareLink = (): string => new URL(linkTo(view.value, panel.value), location.href).href

const readQuery = (): void => {
  const { query } = parts.value
  const asked = query.get('prompt')
  if (asked !== null) prompt.value = asked
  const number = Number(query.get('seed') ?? Number.NaN)
  if (Number.isSafeInteger(number) && number >= 0) seed.value = number
}

/** Follows the address bar, and gives the page its title. */
export const followAddress = (): void => {
  readQuery()
  addEventListener('hashchange', () => {
    hash.value = location.hash.slice(1)
    readQuery()
  })
  effect(() => {
    document.title = `${viewNames[view.value]} · Cria, a LLaMA in your browser tab`
  })
}
