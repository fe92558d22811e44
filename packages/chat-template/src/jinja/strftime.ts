const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
]

/** A date in local time by the codes of Python's `strftime` that templates use, in English; others stay as they are. */
export const strftime = (date: Date, format: string): string =>
  format.replace(/%[-]?[a-zA-Z%]/g, code => codes(date)[code] ?? code)

const codes = (date: Date): Readonly<Record<string, string | undefined>> => {
  const two = (value: number) => String(value).padStart(2, '0')
  const hour = date.getHours() % 12 || 12
  return {
    '%Y': String(date.getFullYear()),
    '%y': two(date.getFullYear() % 100),
    '%m': two(date.getMonth() + 1),
    '%d': two(date.getDate()),
    '%-d': String(date.getDate()),
    '%H': two(date.getHours()),
    '%I': two(hour),
    '%M': two(date.getMinutes()),
    '%S': two(date.getSeconds()),
    '%p': date.getHours() < 12 ? 'AM' : 'PM',
    '%A': DAYS[date.getDay()],
    '%a': DAYS[date.getDay()].slice(0, 3),
    '%B': MONTHS[date.getMonth()],
    '%b': MONTHS[date.getMonth()].slice(0, 3),
    '%%': '%',
  }
}
