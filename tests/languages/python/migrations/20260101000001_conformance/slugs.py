# CRLF and a mark
def slugify(text):
    return text.lower().replace(" ", "-").replace(",", "").replace(".", "")
