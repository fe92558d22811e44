import { useComputed, useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { explain } from '../problems'
import { problem } from '../state'
import { isDark } from '../theme'

export type Plot = typeof import('./plot')

/** The page's colours now, for scales that blend them. */
export interface Colours {
  readonly ink: string
  readonly muted: string
  readonly line: string
  readonly surface: string
  readonly accent: string
  readonly warm: string
  /** The far end of scales that carry text: text in `ink` stays readable on it. */
  readonly heat: string
  readonly series: readonly string[]
}

export interface Sheet {
  readonly Plot: Plot
  /** Pixels from side to side. */
  readonly width: number
  readonly colours: Colours
}

interface ChartProps {
  /** What the picture shows, for those who do not see it; without one it is an ornament. */
  readonly label?: string
  readonly draw: (sheet: Sheet) => Element
  /** Pixels kept free until the first drawing, so that nothing jumps. */
  readonly height: number
  readonly caption?: ComponentChildren
}

/** A picture by Observable Plot, as wide as its container. It is drawn again when its data, the theme or the width change. */
export const Chart = ({ label, draw, height, caption }: ChartProps) => {
  const box = useRef<HTMLDivElement>(null)
  const width = useSignal(0)
  const dark = useComputed(() => isDark.value)
  useEffect(() => {
    const place = box.current as HTMLDivElement
    const observer = new ResizeObserver(([entry]) => {
      width.value = Math.floor(entry.contentRect.width)
    })
    observer.observe(place)
    return () => observer.disconnect()
  }, [])
  const across = width.value
  const theme = dark.value
  useEffect(() => {
    if (across === 0) return
    let stale = false
    import('./plot').then(
      Plot => {
        if (stale || !box.current) return
        const picture = draw({ Plot, width: across, colours: coloursOf(box.current) })
        // The label says what it shows; its hundreds of marks say nothing more.
        picture.setAttribute('aria-hidden', 'true')
        box.current.replaceChildren(picture)
        box.current.style.minHeight = ''
      },
      error => {
        problem.value = explain(error)
      },
    )
    return () => {
      stale = true
    }
  }, [draw, across, theme])
  return (
    <figure class="chart">
      <div
        ref={box}
        {...(label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': true })}
        style={{ minHeight: `${height}px` }}
      />
      {caption && <figcaption>{caption}</figcaption>}
    </figure>
  )
}

/** Read from an element that has each colour in turn: the colours themselves still say `light-dark()`. */
const coloursOf = (place: Element): Colours => {
  const probe = place.appendChild(document.createElement('i'))
  const read = (name: string) => {
    probe.style.color = `var(--${name})`
    return getComputedStyle(probe).color
  }
  const colours = {
    ink: read('ink'),
    muted: read('muted'),
    line: read('line'),
    surface: read('surface'),
    accent: read('accent'),
    warm: read('warm'),
    heat: read('heat'),
    series: [1, 2, 3, 4, 5, 6, 7].map(index => read(`series-${index}`)),
  }
  probe.remove()
  return colours
}
