# Utilisation of one container: the sidecar's request does not count, and from 1.35 a pod without the container fails
# the metric.
kubernetes 1.37

hpa web: 1 to 10 replicas of Deployment/web
  resource cpu of container app utilization 60%

template
  container app requests cpu 200m
  container proxy requests cpu 800m
pods: 2 ready

at 0s
  cpu of container app is 180m on each pod
  -> cpu of container app shows utilization 90%, average value 180m
  -> scales 2 to 3: "cpu container resource utilization (percentage of request) above target"
  -> targets "cpu: 90%/60%"
at 15s
  pods: 3 ready
  pod debug: ready
    container shell requests cpu 100m
  cpu of container app is 100m on web-1 to web-3
  -> cannot decide
  -> event Warning FailedGetContainerResourceMetric "failed to get cpu utilization: container app not found in Pod debug"
  -> condition ScalingActive False FailedGetContainerResourceMetric
