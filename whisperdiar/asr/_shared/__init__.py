"""What every recogniser uses: pieces of speech, words and their times, hallucination filters, gap filling."""
