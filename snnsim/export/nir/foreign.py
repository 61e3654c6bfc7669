"""stub"""


def program(graph, *, dt):
    raise ValueError("not yet")
