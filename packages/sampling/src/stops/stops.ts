import { OptionError } from '../errors'
import type { Stopped } from '../generation'
import { PatternError } from './parse'
import { type Automaton, patternAutomaton, textAutomaton } from './pattern'
import { Search } from './search'

/** The part of a text that is final, while the text comes in pieces. */
export interface Filtered {
  /** Text that is not part of a stop. */
  readonly text: string
  /** The stop that was found; the text ends before it. */
  readonly found?: Stopped
}

/** Finds stops in text that comes in pieces, and passes on the text before them. */
export interface StopFilter {
  /** Takes the next piece. */
  push(text: string): Filtered
  /** Takes a first piece in which no stop may begin. It passes at once. */
  pass(text: string): Filtered
  /** The rest of the text, at its end. */
  end(): Filtered
}

/**
 * Makes filters for stops: of all their matches a filter finds the one that ends first (the longest of those), and lets
 * no character of it pass, however the text is cut into pieces. A regular expression is searched for by an automaton,
 * which follows all states at once and never backtracks: the work for each character is bounded by the
 * length of the pattern, whatever text a model writes.
 *
 * @param stop a text, a regular expression, or several, none of them empty
 * @returns a function that makes a filter for one text
 * @throws OptionError for a pattern that cannot be searched for in this way
 */
export const stopFilters = (stop: string | RegExp | readonly (string | RegExp)[]): (() => StopFilter) => {
  const stops = typeof stop === 'object' && Symbol.iterator in stop ? stop : [stop]
  const automata = stops.map(item => automatonOf(item))
  return () => stopFilter(stops, automata)
}

/** Where a match begins, and which of the stops it is of. */
interface Match {
  readonly start: number
  readonly index: number
}

const automatonOf = (stop: string | RegExp): Automaton => {
  try {
    return typeof stop === 'string' ? textAutomaton(stop) : patternAutomaton(stop)
  } catch (error) {
    if (error instanceof PatternError) throw new OptionError('stop', stop, error.message)
    throw error
  }
}

const stopFilter = (stops: readonly (string | RegExp)[], automata: readonly Automaton[]): StopFilter => {
  const searches = automata.map(automaton => new Search(automaton))
  /** Text that may be part of a stop, and where it begins and ends in the whole text, in UTF-16 units. */
  let held = ''
  let from = 0
  let to = 0
  /** The first half of a surrogate pair at the end of a piece: characters are whole ones. */
  let half = ''

  /** A match that ends at `to`, while a longer one may be found to end there once the next character is known. */
  let candidate: Match | undefined

  const foundAt = ({ start, index }: Match): Filtered => ({
    text: held.slice(0, start - from),
    found: { stop: stops[index], match: held.slice(start - from, to - from) },
  })

  /** The longest of the matches that end here. */
  const longest = (startOf: (search: Search) => number | undefined, other?: Match): Match | undefined => {
    let best = other
    for (const [index, search] of searches.entries()) {
      const start = startOf(search)
      if (start !== undefined && (best === undefined || start < best.start)) best = { start, index }
    }
    return best
  }

  return {
    push(text) {
      const whole = half + text
      const isCut = /[\ud800-\udbff]$/.test(whole)
      half = isCut ? whole.slice(-1) : ''
      const piece = isCut ? whole.slice(0, -1) : whole
      held += piece
      for (const character of piece) {
        const before = longest(search => search.look(character), candidate)
        if (before) return foundAt(before)
        to += character.length
        const after = longest(search => search.take(character, to))
        if (after && !searches.some(search => search.mayMatchBefore(after.start))) return foundAt(after)
        candidate = after
      }
      const certain = Math.min(to, candidate?.start ?? to, ...searches.map(search => search.earliestStart(to)))
      const result = { text: held.slice(0, certain - from) }
      held = held.slice(certain - from)
      from = certain
      return result
    },
    pass(text) {
      if (text === '') return { text }
      to += text.length
      from = to
      for (const search of searches) search.beginAt(to, Array.from(text.slice(-2)).at(-1))
      return { text }
    },
    end() {
      const found = longest(search => search.look(undefined), candidate)
      return found ? foundAt(found) : { text: held + half }
    },
  }
}
