"""What a study shows about its parameters, its course and its cost, as data; figures are drawn elsewhere."""
