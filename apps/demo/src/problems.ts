/** What to say about an error: the packages' own messages are for people, those of the browser are not. */
export const explain = (error: unknown): string => {
  if (!(error instanceof Error)) return `Something unexpected happened: ${String(error)}`
  if (/dynamically imported module|Failed to fetch/i.test(error.message))
    return 'A part of this page could not be loaded. Check the connection, then load the page again.'
  return capitalise(error.message)
}

/** Whether a person, not a fault, ended the work. */
export const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError'

/** Only where a plain word is first: names of files and tensors stay as they are. */
const capitalise = (text: string): string =>
  text.replace(/^[a-z]+(?=[ ,])/, word => word[0].toUpperCase() + word.slice(1))
