import type { ComponentChildren } from 'preact'

interface PanelProps {
  readonly title: string
  /** A few plain sentences that one needs for the picture. */
  readonly text: ComponentChildren
  /** What else is worth knowing. */
  readonly more: ComponentChildren
  /** What to do with the picture. */
  readonly task: string
  /** Its place in the papers, and the package that computed the picture. */
  readonly source: ComponentChildren
  readonly children: ComponentChildren
}

/** One part of the papers: a few sentences, and a picture to play with. */
export const Panel = ({ title, text, more, task, source, children }: PanelProps) => (
  <article class="card panel">
    <div class="panel-text">
      <h2>{title}</h2>
      <p>{text}</p>
      <p class="task">
        <strong>Try it:</strong> {task}
      </p>
    </div>
    <div class="panel-picture">{children}</div>
    <p class="panel-more">{more}</p>
    <p class="hint source">{source}</p>
  </article>
)
