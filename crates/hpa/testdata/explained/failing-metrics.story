# A metric that fails keeps the target from shrinking; with all of them failed nothing is decided.
kubernetes 1.37

hpa web in shop: 1 to 40 replicas of Deployment/web
  resource cpu of container app utilization 60%
  external metric jobs{queue=mail} average value 10

template
  container app requests cpu 200m
pods: 4 ready
cpu of container app is 180m on each pod

at 0s
  jobs fails "unable to fetch metrics from external metrics API: the server is currently unable to handle the request"
  -> scales 4 to 6
at 15s
  pods: 6 ready
  cpu of container app is 20m on each pod
  -> cannot decide
at 30s
  cpu of container app fails "no metrics returned from resource metrics API"
  -> cannot decide
