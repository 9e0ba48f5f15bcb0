using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Lean.Engine.Telemetry;

/// <summary>
/// A meter's figures in the text format that Prometheus reads (version 0.0.4). OpenTelemetry's exporter takes no name with
/// a colon, which vLLM's have: an instrument called vllm.x is vllm:x here.
/// </summary>
internal sealed class PrometheusText : IDisposable
{
    /// <summary>The format's media type.</summary>
    public const string MediaType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly MeterListener _listener = new();
    private readonly SortedDictionary<string, Family> _families = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private readonly string _labels;

    /// <param name="meter">The meter.</param>
    /// <param name="labels">Labels of every figure, such as engine="0".</param>
    public PrometheusText(Meter meter, string labels)
    {
        _labels = labels;
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter, meter))
            {
                var family = new Family(instrument);
                lock (_lock)
                {
                    _families.Add(family.Name, family);
                }

                listener.EnableMeasurementEvents(instrument, family);
            }
        };
        _listener.SetMeasurementEventCallback<int>(static (_, value, tags, family) => ((Family)family!).Take(value, tags));
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, family) => ((Family)family!).Take(value, tags));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, family) => ((Family)family!).Take(value, tags));
        _listener.Start();
    }

    /// <summary>A label's value as the format wants it.</summary>
    public static string Label(string name, string value) =>
        $"{name}=\"{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)}\"";

    /// <summary>The figures now.</summary>
    public string Write()
    {
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        lock (_lock)
        {
            foreach (Family family in _families.Values)
            {
                family.Write(text, _labels);
            }
        }

        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();

    /// <summary>The figures of one name.</summary>
    private sealed class Family
    {
        private readonly Lock _lock = new();
        private readonly Dictionary<string, Series> _series = [];
        private readonly double[]? _bounds;
        private readonly bool _adds;
        private readonly string _kind;
        private readonly string _help;

        public Family(Instrument instrument)
        {
            (string room, string name) = instrument.Name.Split('.', 2) is [var first, var rest] ? (first, rest) : ("lean", instrument.Name);
            _help = instrument.Description ?? "";
            bool counts = instrument is Counter<long> or ObservableCounter<long> or ObservableCounter<double>;
            _adds = instrument is Counter<long>;
            _bounds = (instrument as Histogram<double>)?.Advice?.HistogramBucketBoundaries?.ToArray();
            _kind = _bounds is not null ? "histogram" : counts ? "counter" : "gauge";
            Name = $"{room}{(room == "process" ? '_' : ':')}{name}{(counts ? "_total" : "")}";
            if (instrument is Counter<long>)
            {
                // What has not happened yet is 0, and no gap.
                _series[""] = new Series(_bounds);
            }
            else if (_bounds is not null)
            {
                _series[""] = new Series(_bounds);
            }
        }

        public string Name { get; }

        public void Take(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            string labels = tags.IsEmpty ? "" : Label(tags[0].Key, (string)tags[0].Value!);
            lock (_lock)
            {
                if (!_series.TryGetValue(labels, out Series? series))
                {
                    // A family is told apart by its label or not at all.
                    _series.Remove("");
                    _series[labels] = series = new Series(_bounds);
                }

                series.Take(value, _adds || _bounds is not null);
            }
        }

        public void Write(StringBuilder text, string labels)
        {
            text.Append(CultureInfo.InvariantCulture, $"# HELP {Name} {_help}\n# TYPE {Name} {_kind}\n");
            lock (_lock)
            {
                foreach ((string own, Series series) in _series)
                {
                    series.Write(text, Name, own.Length == 0 ? labels : $"{labels},{own}");
                }
            }
        }
    }

    /// <summary>The figures of one name and its labels.</summary>
    private sealed class Series(double[]? bounds)
    {
        private readonly long[] _counts = new long[(bounds?.Length ?? 0) + 1];
        private double _sum;

        public void Take(double value, bool adds)
        {
            _sum = adds ? _sum + value : value;
            if (bounds is not null)
            {
                int place = Array.BinarySearch(bounds, value);
                _counts[place < 0 ? ~place : place]++;
            }
        }

        public void Write(StringBuilder text, string name, string labels)
        {
            if (bounds is null)
            {
                text.Append(CultureInfo.InvariantCulture, $"{name}{{{labels}}} {_sum:R}\n");
                return;
            }

            long count = 0;
            for (int i = 0; i < _counts.Length; i++)
            {
                count += _counts[i];
                string bound = i < bounds.Length ? bounds[i].ToString("R", CultureInfo.InvariantCulture) : "+Inf";
                text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{labels},le=\"{bound}\"}} {count}\n");
            }

            text.Append(CultureInfo.InvariantCulture, $"{name}_sum{{{labels}}} {_sum:R}\n{name}_count{{{labels}}} {count}\n");
        }
    }
}
