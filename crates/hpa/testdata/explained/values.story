# Each kind of metric with its units, and tolerances of its own.
kubernetes 1.37

hpa web: 1 to 40 replicas of Deployment/web
  resource cpu utilization 50%
  resource memory average value 200Mi
  pods metric requests_per_second average value 10
  object metric connections of networking.k8s.io/v1 Ingress/main value 2k
  external metric jobs value 30
  scale up: tolerance 0.2
  scale down: tolerance 0.05

template
  container app requests cpu 250m, memory 256Mi
pods: 3 ready
resource cpu is 150m on each pod
resource memory is 150Mi on each pod
requests_per_second is 11.5 on each pod
connections of Ingress/main is 2345
jobs is 10, 20.5

at 0s
  -> stays at 3
