def verify(problem):
    pass
