"""The explorer's style and script: data, which its page serves."""
