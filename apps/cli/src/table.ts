/** Rows of cells as lines, each column as wide as its widest cell, two spaces between. */
export const table = (rows: readonly (readonly string[])[]): string => {
  const width = (column: number) => Math.max(...rows.map(row => row[column]?.length ?? 0))
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(width(column))).join('  ')
  return rows.map(row => `${line(row).trimEnd()}\n`).join('')
}
