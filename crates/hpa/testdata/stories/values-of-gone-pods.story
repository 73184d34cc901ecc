# A custom metric that still has values of pods that are gone: they count in the average, as if the load were theirs,
# and add pods that nobody needs. Utilisation leaves them out.
kubernetes 1.37

hpa web: 1 to 10 replicas of Deployment/web
  pods metric in_flight average value 10
  resource cpu utilization 50%

template
  container app requests cpu 100m
pods: 2 ready
cpu is 50m on each pod, 500m on gone web-9

at 0s
  in_flight is 10 on each pod, 40 on gone web-9
  -> in_flight shows average value 20
  -> in_flight proposes 4
  -> cpu proposes 2
  -> scales 2 to 4: "pods metric in_flight above target"
