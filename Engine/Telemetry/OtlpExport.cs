using Lean.Tensors;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Lean.Engine.Telemetry;

/// <summary>Sends metrics and traces to a collector, where OpenTelemetry's own variables name one.</summary>
internal sealed class OtlpExport : IDisposable
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string MetricsEndpoint = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    private const string TracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

    private readonly MeterProvider? _metrics;
    private readonly TracerProvider? _traces;

    private OtlpExport(MeterProvider? metrics, TracerProvider? traces) => (_metrics, _traces) = (metrics, traces);

    /// <summary>Begins to send, or returns null where no variable names a collector. What else OpenTelemetry's variables say holds too.</summary>
    /// <exception cref="InputException">A variable cannot be used.</exception>
    public static OtlpExport? Start()
    {
        bool metrics = Has(Endpoint) || Has(MetricsEndpoint), traces = Has(Endpoint) || Has(TracesEndpoint);
        if (!metrics && !traces)
        {
            return null;
        }

        ResourceBuilder resource = ResourceBuilder.CreateDefault().AddService("lean").AddEnvironmentVariableDetector();
        try
        {
            return new OtlpExport(
                metrics ? Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(ServerMetrics.MeterName).AddOtlpExporter().Build() : null,
                traces ? Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(Tracing.Name, "Microsoft.AspNetCore").AddOtlpExporter().Build() : null);
        }
        catch (Exception e) when (e is UriFormatException or ArgumentException or NotSupportedException)
        {
            throw new InputException($"OpenTelemetry's variables cannot be used: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        _metrics?.Dispose();
        _traces?.Dispose();
    }

    private static bool Has(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 };
}
