def main(d): pass
