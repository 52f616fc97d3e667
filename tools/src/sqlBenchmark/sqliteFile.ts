/** The file of those who bring no settings of their own: opened as Keyfold opens its own. */
import { DatabaseSync } from "node:sqlite"

/** Opens a SQLite file with a write-ahead log, each commit on the disk before it is acknowledged. */
export const openFile = (file: string): DatabaseSync => {
  const database = new DatabaseSync(file)
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
  return database
}
