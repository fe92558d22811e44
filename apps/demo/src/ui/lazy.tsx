import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { explain } from '../problems'
import { problem } from '../state'

/** A view that is loaded when it is first opened. */
export const Lazy = ({ load }: { load: () => Promise<ComponentType> }) => {
  const [View, setView] = useState<ComponentType>()
  useEffect(() => {
    let left = false
    load().then(
      loaded => left || setView(() => loaded),
      error => {
        problem.value = explain(error)
      },
    )
    return () => {
      left = true
    }
  }, [])
  return View ? <View /> : <p class="wait">One moment…</p>
}
