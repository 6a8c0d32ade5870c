import { z } from 'zod';

/** The renderer's own environment variables. */
export const rendererVariables = z
  .object({
    PLUMBLINE_ENGINE: z.string().min(1).describe('Path of the engine: the program built from services/renderer/engine'),
    PLUMBLINE_ENGINE_PROCESSES: z.coerce.number().int().min(1).max(64).default(2).describe('Engine processes, each of which renders one application at a time'),
  })
  .transform((env) => ({ engine: env.PLUMBLINE_ENGINE, engineProcesses: env.PLUMBLINE_ENGINE_PROCESSES }));

export type RendererConfig = z.infer<typeof rendererVariables>;
