using System.Text.Json;
using Lean.Engine.Cli;

namespace Lean.Engine.Bench.Ops;

/// <summary>Peers' figures beside a run's, for people and for programs.</summary>
internal static class PeerTable
{
    private const double Micro = 1e6;

    /// <summary>A table below the ops'.</summary>
    public static void Print(TextWriter output, PeerSet peers, IReadOnlyList<PeerFigure> figures)
    {
        output.WriteLine($"\npeers    on {peers.Device}: {peers.Source}");
        output.WriteLine($"ratio    this run's median / the peer's time: below 1 is faster here");
        output.WriteLine($"\n{"rows",8}{"µs",12}{"peer µs",12}{"ratio",8}  ops, peer");
        foreach (PeerFigure f in figures)
        {
            string note = f.Entry.Note is null ? "" : $" ({f.Entry.Note})";
            output.WriteLine(
                $"{f.Entry.Rows,8}{OpTable.Number(f.Seconds * Micro),12}{OpTable.Number(f.Entry.Seconds * Micro),12}{OpTable.Number(f.Ratio),8}  {string.Join(" + ", f.Entry.Ops)} {f.Shape}, {f.Entry.Peer}{note}");
        }
    }

    /// <summary>An object of a run's JSON.</summary>
    public static void Write(Utf8JsonWriter json, PeerSet peers, IReadOnlyList<PeerFigure> figures)
    {
        json.WriteStartObject("peers");
        json.WriteString("device", peers.Device);
        json.WriteString("source", peers.Source);
        json.WriteStartArray("figures");
        foreach (PeerFigure f in figures)
        {
            json.WriteStartObject();
            json.WriteStartArray("ops");
            foreach (string op in f.Entry.Ops)
            {
                json.WriteStringValue(op);
            }

            json.WriteEndArray();
            json.WriteString("shape", f.Shape);
            json.WriteString("class", f.Entry.Class);
            json.WriteNumber("rows", f.Entry.Rows);
            json.WriteString("peer", f.Entry.Peer);
            json.WriteString("note", f.Entry.Note);
            json.Figure("us", f.Seconds * Micro, decimals: 4);
            json.Figure("peer_us", f.Entry.Seconds * Micro, decimals: 4);
            json.Figure("ratio", f.Ratio, decimals: 4);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
