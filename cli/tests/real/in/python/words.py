def longest(words):
    return max(words, key=lambda word: (len(word), word))
