import katex from 'katex'

/**
 * An equation as MathML, which browsers draw with their own fonts.
 *
 * @param tex the body of a block that is fenced as `math`, as GitHub reads it too
 * @throws katex.ParseError for invalid TeX
 */
export const equation = (tex: string): string =>
  `<div class="equation" tabindex="0" role="group" aria-label="Equation">${katex.renderToString(tex.trim(), { displayMode: true, output: 'mathml', throwOnError: true })}</div>`
