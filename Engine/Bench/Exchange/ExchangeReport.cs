using System.Text.Json;
using Lean.Engine.Cli;

namespace Lean.Engine.Bench.Exchange;

/// <summary>Prints what exchanges took, as a table or as JSON.</summary>
internal sealed class ExchangeReport(string devices, string nccl, int width, int repeats)
{
    private static readonly (ExchangeWay Way, string Name, string Key)[] s_ways =
    [
        (ExchangeWay.Peer, "peers", "peer"),
        (ExchangeWay.Nccl, "nccl", "nccl"),
        (ExchangeWay.PeerNorm, "peers+norm", "peer_norm"),
        (ExchangeWay.PeerThenNorm, "peers, norm", "peer_then_norm"),
        (ExchangeWay.NcclThenNorm, "nccl, norm", "nccl_then_norm"),
    ];

    /// <summary>Prints one size's line of the table, and what the table begins with before the first.</summary>
    public void Print(int rows, IReadOnlyList<ExchangeFigure> figures, bool isFirst)
    {
        if (isFirst)
        {
            Console.WriteLine($"devices  {devices}");
            Console.WriteLine($"nccl     {nccl}");
            Console.WriteLine($"µs of one exchange of rows of {width} f32, in a graph of {ExchangeRank.Exchanges}: median (least) of {repeats}; bits compared before and after (NCCL's of more than two ranks: values)");
            Console.WriteLine($"{"rows",6}{string.Concat(s_ways.Select(static w => $"{w.Name,20}"))}");
        }

        Console.WriteLine($"{rows,6}{string.Concat(s_ways.Select(w => $"{Cell(figures.FirstOrDefault(f => f.Way == w.Way)),20}"))}");
    }

    /// <summary>All of it.</summary>
    public void Write(Utf8JsonWriter json, IReadOnlyList<ExchangeFigure> figures)
    {
        json.WriteStartObject();
        json.WriteString("bench", "exchange");
        json.WriteString("devices", devices);
        json.WriteString("nccl", nccl);
        json.WriteNumber("width", width);
        json.WriteNumber("exchanges_per_graph", ExchangeRank.Exchanges);
        json.WriteNumber("repeats", repeats);
        json.WriteStartArray("figures");
        foreach (ExchangeFigure f in figures)
        {
            json.WriteStartObject();
            json.WriteNumber("rows", f.Rows);
            json.WriteString("way", s_ways.First(w => w.Way == f.Way).Key);
            json.Figure("us", f.Microseconds.Median, decimals: 3);
            json.Figure("least_us", f.Microseconds.Least, decimals: 3);
            json.Figure("most_us", f.Microseconds.Most, decimals: 3);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static string Cell(ExchangeFigure? figure) => figure is null ? "-" : $"{figure.Microseconds.Median:F2} ({figure.Microseconds.Least:F2})";
}
