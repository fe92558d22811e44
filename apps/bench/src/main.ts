#!/usr/bin/env node
import { CommanderError } from 'commander'
import { UsageError } from './errors'
import { createProgram } from './program'

try {
  await createProgram().parseAsync()
} catch (error) {
  const isUsage = error instanceof UsageError || error instanceof CommanderError
  // Commander throws also after it has shown the help that it was asked for.
  if (error instanceof CommanderError && error.exitCode === 0) process.exitCode = 0
  else {
    console.error(`bench: ${(error as Error).message.replace(/^error: /, '')}`)
    process.exitCode = isUsage ? 2 : 1
  }
}
