/** The text of a first configuration. */

/** What the text names. */
export interface Names {
  readonly database: string
  readonly pepper: string
  readonly journal: string
  readonly journalSecret: string
  readonly schema: string
}

const head = (schema: string): string => `# yaml-language-server: $schema=${schema}
# By this line editors complete and check the file, where keyfold is installed beside it or above: npm install keyfold

# Keyfold: the stores of API keys this folder works with.
# A secret is never written here. Refer to it: { env: NAME }, { file: path } or { command: [program, argument] }.
# What this file comes to: keyfold config show. What is wrong with it: keyfold config check.
`

const rotations = `# Where keyfold rotate puts new secrets. A store or tenant says how often its keys are replaced, for keyfold rotate --due:
# rotation: { every: 90d, overlap: 24h, sink: each }
#
# rotations:
#   sinks:
#     ci: { environmentFile: ./ci.env, variable: API_KEY }
#     each: { file: "./keys/{name}.key" }
`

/** Writes a configuration with one embedded store and a journal, and the other adapters and tenants as comments. */
export const starterFile = ({ database, journal, journalSecret, pepper, schema }: Names): string => `${head(schema)}
# The store that is meant where none is named.
default: local

# What became of every create, for all stores, so that nothing a crash leaves behind is lost: keyfold journal.
journal:
  url: ${JSON.stringify(`sqlite:${journal}`)}
  secret: { file: ${JSON.stringify(journalSecret)} }

${rotations}
stores:
  # Keys in a file beside this one. Keep the pepper, and keep it elsewhere: without it every key stops working.
  local:
    adapter: sql
    url: ${JSON.stringify(`sqlite:${database}`)}
    pepper: { file: ${JSON.stringify(pepper)} }

  # Other backends. The keyfold command carries these; a program of yours needs: npm install @keyfold/whylabs
  #
  # monitoring:
  #   adapter: whylabs
  #   organization: org-123
  #   apiKey: { env: WHYLABS_API_KEY }
  #   defaults: { owner: platform-bot, scopes: [write] }
  #   scopeMap: { write: [":write_data"] }
  #
  # guard:
  #   adapter: arthur
  #   baseUrl: https://arthur.internal
  #   apiKey: { command: [pass, show, arthur/admin] }
  #   defaults: { scopes: [write] }
  #   scopeMap: { write: [VALIDATION-USER] }
  #
  # policies:
  #   adapter: occam
  #   apiKey: { file: ./secrets/occam }

# Which store serves each tenant, for programs that serve several. Nobody else is served.
#
# tenants:
#   acme: local
#   globex: { store: guard, apiKey: { env: GLOBEX_ARTHUR_API_KEY } }
#   "dev-*": { store: local, defaults: { owner: dev } }
`
