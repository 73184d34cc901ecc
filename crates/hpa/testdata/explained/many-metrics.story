# The highest of several proposals is taken; more pods than can be named are counted.
kubernetes 1.37

hpa web: 1 to 40 replicas of Deployment/web
  resource cpu utilization 50%
  external metric jobs average value 10

template
  container app requests cpu 100m
pods: 12 ready
cpu is 80m on web-1 to web-3
jobs is 91

at 0s
  -> stays at 12
