package push

// The localisation keys of messages to phones. A message holds one of them, an id and
// nothing else: what it is about is asked for, over a proven connection.
const (
	KeyPrompt = "prompt" // something is to be confirmed
)
