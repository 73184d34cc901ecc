# minReplicas and maxReplicas end a proposal; a size beyond them is mended without asking any metric.
kubernetes 1.37

hpa web: 2 to 6 replicas of Deployment/web
  external metric load average value 10

pods: 4 ready

at 0s
  load is 900
  -> scales 4 to 6
at 10m
  pods: 6 ready
  load is 1
  -> scales 6 to 2
at 21m
  somebody scales to 1
  -> scales 1 to 2
at 22m
  somebody scales to 9
  -> scales 9 to 6
