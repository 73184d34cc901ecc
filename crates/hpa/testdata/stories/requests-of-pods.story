# What utilisation is a percentage of: requests of all containers and of sidecars, not those of other init containers;
# or, from 1.34, the request of the pod as a whole. A container without a request fails the metric.
kubernetes 1.37

hpa web: 1 to 10 replicas of Deployment/web
  resource cpu utilization 50%

template
  container app requests cpu 100m, memory 64Mi
  sidecar proxy requests cpu 100m
  init container setup requests cpu 4
pods: 2 ready
cpu is 150m on each pod

at 0s
  -> cpu shows utilization 75%, average value 150m
  -> scales 2 to 3
at 15s
  template
    container app requests cpu 100m
    whole pod requests cpu 300m
  pods: 3 ready
  -> cpu shows utilization 50%, average value 150m
  -> stays at 3
at 30s
  pod web-2: ready
    container app
  -> cannot decide
  -> event Warning FailedGetResourceMetric "failed to get cpu utilization: missing request for cpu in container app of Pod web-2"
