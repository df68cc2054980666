"""What generates tables and pictures of pages, and the site's parts as it is built."""
