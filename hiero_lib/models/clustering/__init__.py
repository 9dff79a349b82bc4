"""Spectral clustering: of whole videos, and of a batch of videos in training.

There are two, for they answer to different references. `spectral` divides a whole video into scikit-learn's
partition: thousands of segments, one video at a time, the graph without its diagonal, k-means by scikit-learn's
draws on the CPU (`embedding.spectral_embedding`, `kmeans.scikit_learn_kmeans`); EgoProceL, Goal-Step and whatever
divides a video for people use it. The decoder divides every video of a batch in each training step: 32 points a
video, the affinity with its diagonal as the released code has it, and k-means for all videos at once on their device,
where waiting for the CPU would cost more than the clustering (`embedding.laplacian_eigenvectors`,
`kmeans.batched_kmeans`). To put one in the other's place would change results: scikit-learn's is not batched, and the
batched one draws other starts.

`coherence` makes clusters hang together in time, `modularity` says how many there are, `linked` divides anew where
a person has said whose some segments are; all three are for people.
"""
