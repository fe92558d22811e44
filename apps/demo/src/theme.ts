import { effect, signal } from '@preact/signals'

export type Theme = 'system' | 'light' | 'dark'

const key = 'cria-theme'

/** Storage may be forbidden in a page; the choice then lasts as long as the page. */
const stored = (): Theme => {
  try {
    const value = localStorage.getItem(key)
    return value === 'light' || value === 'dark' ? value : 'system'
  } catch {
    return 'system'
  }
}

export const theme = signal<Theme>(stored())

const systemDark = matchMedia('(prefers-color-scheme: dark)')
const systemIsDark = signal(systemDark.matches)

/** Whether dark colours are shown now: charts read their colours again when it changes. */
export const isDark = signal(false)

export const followTheme = (): void => {
  systemDark.addEventListener('change', ({ matches }) => {
    systemIsDark.value = matches
  })
  effect(() => {
    const chosen = theme.value
    if (chosen === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = chosen
    isDark.value = chosen === 'dark' || (chosen === 'system' && systemIsDark.value)
    try {
      if (chosen === 'system') localStorage.removeItem(key)
      else localStorage.setItem(key, chosen)
    } catch {
      // A page that may not store still shows the theme.
    }
  })
}
