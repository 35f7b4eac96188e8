"""Minutes without a language model: extractive summarisation, decisions, actions, topics."""
