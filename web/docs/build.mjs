// The readable page of the API: Swagger UI from its own package, started by a
// script file of ours, since the server's policy forbids inline ones.
import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'

export async function docs({ root, dist }) {
  const to = join(dist, 'docs')
  await mkdir(to, { recursive: true })
  const swagger = join(root, 'node_modules/swagger-ui-dist')
  for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js']) await copyFile(join(swagger, name), join(to, name))
  for (const name of ['index.html', 'docs.js', 'docs.css']) await copyFile(join(root, 'docs', name), join(to, name))
  return to
}
