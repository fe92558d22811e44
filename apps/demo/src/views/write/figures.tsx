import { stats } from '../../actions'

/** What the last text took, and how it ended. */
export const Figures = () => {
  const { value: figures } = stats
  if (!figures) return null
  return (
    <p class="figures">
      <span>
        <strong>{figures.tokens}</strong> tokens
      </span>
      <span>
        <strong>{figures.perSecond > 0 ? Math.round(figures.perSecond) : '…'}</strong> tokens a second
      </span>
      <span>
        seed <strong>{figures.seed}</strong>
      </span>
      <span role="status">{figures.end}</span>
    </p>
  )
}
