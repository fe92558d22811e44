const inUnits = (value: number, units: readonly (readonly [number, string])[]): string => {
  const [size, name] = units.find(([size]) => value >= size) ?? units[units.length - 1]
  const scaled = value / size
  return `${scaled >= 100 || Number.isInteger(scaled) ? Math.round(scaled) : scaled.toPrecision(3)}${name}`
}

/** 15 kB, 4.2 MB, 1.3 GB: decimal units. */
export const bytes = (value: number): string =>
  inUnits(value, [
    [1e12, ' TB'],
    [1e9, ' GB'],
    [1e6, ' MB'],
    [1e3, ' kB'],
    [1, ' bytes'],
  ])

/** 260 thousand, 15.2 million, 6.74 billion. */
export const count = (value: number): string =>
  inUnits(value, [
    [1e12, ' trillion'],
    [1e9, ' billion'],
    [1e6, ' million'],
    [1e3, ' thousand'],
    [1, ''],
  ])

export const percent = (share: number): string =>
  share > 0 && share < 0.001 ? '< 0.1%' : `${(share * 100).toFixed(share < 0.1 && share > 0 ? 1 : 0)}%`

/** The text of a piece; control tokens and lone bytes have no text. */
export const asText = (piece: string): string => {
  if (piece === '<0x0A>') return '\n'
  return /^<.*>$/.test(piece) ? '' : piece.replaceAll('▁', ' ')
}

/** A piece as people read it: its space shown as ·, bytes and control tokens by name. */
export const readable = (piece: string): string => {
  if (piece === '<0x0A>') return '↵'
  return piece.replaceAll('▁', '·')
}
