import { problem } from '../state'

/** The last error, until it is read and closed. */
export const Problem = () => (
  <div role="alert">
    {problem.value !== undefined && (
      <div class="problem">
        <p>{problem.value}</p>
        <button
          type="button"
          class="quiet"
          onClick={() => {
            problem.value = undefined
          }}
        >
          Close
        </button>
      </div>
    )}
  </div>
)
