import { type Theme, theme } from '../theme'

const names: Readonly<Record<Theme, string>> = { system: '◐ Auto', light: '☀ Light', dark: '☾ Dark' }

export const ThemeSwitch = () => (
  <label class="theme" title="Colours of the page: as your system has them, light or dark">
    <span class="only-read">Colours</span>
    <select
      value={theme.value}
      onChange={event => {
        theme.value = event.currentTarget.value as Theme
      }}
    >
      {Object.entries(names).map(([value, name]) => (
        <option key={value} value={value}>
          {name}
        </option>
      ))}
    </select>
  </label>
)
