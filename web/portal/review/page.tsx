// CA审核: the queue, or one application.
import { Case } from './case'
import { Queue } from './queue'

export function ReviewPage({ item }: { item: string }) {
  return item ? <Case key={item} id={item} /> : <Queue />
}
