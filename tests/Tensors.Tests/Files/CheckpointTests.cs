namespace Lean.Tensors.Tests;

public sealed class CheckpointTests : IDisposable
{
    private const string Index = "model.safetensors.index.json";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Shards_are_found_through_the_index()
    {
        Shard("model-1.safetensors", "a", "b");
        Shard("model-2.safetensors", "c");
        Shard("unrelated.safetensors", "a");
        WriteIndex("""{"metadata":{"total_size":6},"weight_map":{"c":"model-2.safetensors","a":"model-1.safetensors"}}""");
        using Checkpoint checkpoint = Checkpoint.Open(_folder.Path);
        Assert.Equal(["a", "b", "c"], checkpoint.Names);
        Assert.Equal(3, checkpoint.Count);
        Assert.Equal(6, checkpoint.Bytes);
        Assert.Equal([_folder.At("model-1.safetensors"), _folder.At("model-2.safetensors")], checkpoint.Files.Select(file => file.Path));
        Assert.True(checkpoint.TryGet("c", out Tensor tensor));
        Assert.Equal("i8 [2]", tensor.ToString());
        Assert.Equal("I8 [2]", checkpoint.Describe("c"));
        Assert.False(checkpoint.TryGet("d", out _));
        Assert.True(checkpoint.Contains("b"));
    }

    [Fact]
    public void Without_an_index_the_usual_name_wins_and_a_single_other_name_will_do()
    {
        Shard("weights.safetensors", "w");
        using (Checkpoint single = Checkpoint.Open(_folder.Path))
        {
            Assert.Equal(["w"], single.Names);
        }

        Shard("model.safetensors", "m");
        using Checkpoint usual = Checkpoint.Open(_folder.Path);
        Assert.Equal(["m"], usual.Names);
    }

    [Fact]
    public void A_folder_without_weights_or_with_a_choice_of_them_is_refused()
    {
        AssertRefused("holds no weights, expected model.safetensors.index.json");
        Shard("a.safetensors", "w");
        Shard("b.safetensors", "w");
        AssertRefused("holds 2 *.safetensors files and no index");
    }

    [Fact]
    public void A_path_that_is_no_folder_is_refused()
    {
        string file = Shard("model.safetensors", "w");
        Assert.Contains("is a file, expected the model's folder", Refusal(file), StringComparison.Ordinal);
        Assert.Contains("does not exist", Refusal(_folder.At("absent")), StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_the_index_names_but_are_absent_are_listed_and_counted()
    {
        Shard("s0", "w");
        string map = string.Join(',', Enumerable.Range(0, 6).Select(i => $"\"t{i}\":\"s{i}\""));
        WriteIndex($$$"""{"weight_map":{ {{{map}}} }}""");
        AssertRefused("names 6 files of which 5 do not exist: 's1', 's2', 's3' and 2 more");
    }

    [Fact]
    public void Tensors_that_the_index_names_but_their_file_lacks_are_listed_and_counted()
    {
        Shard("s0", "w");
        Shard("s1", "x");
        WriteIndex("""{"weight_map":{"w":"s0","x":"s0","y":"s1"}}""");
        AssertRefused("names 2 tensors that their files lack: 'x', 'y' (the first expected in 's0')");
    }

    [Fact]
    public void A_tensor_in_two_shards_is_refused()
    {
        Shard("s0", "w");
        Shard("s1", "w", "x");
        WriteIndex("""{"weight_map":{"w":"s0","x":"s1"}}""");
        AssertRefused("the tensor 'w' is in both");
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("../s0")]
    [InlineData("/etc/passwd")]
    [InlineData("sub/s0")]
    [InlineData("sub\\\\s0")]
    [InlineData("C:s0")]
    [InlineData("s0\\u0000")]
    public void An_index_that_leaves_its_folder_is_refused(string file)
    {
        Shard("s0", "w");
        WriteIndex($$$"""{"weight_map":{"w":"{{{file}}}"}}""");
        AssertRefused("it maps the tensor 'w' to '", "expected the plain name of a file in the same folder");
    }

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("{", "not valid JSON near line 1")]
    [InlineData("[]", "it has no object weight_map")]
    [InlineData("{}", "it has no object weight_map")]
    [InlineData("""{"weight_map":[]}""", "it has no object weight_map")]
    [InlineData("""{"weight_map":{}}""", "its weight_map is empty")]
    [InlineData("""{"weight_map":{"w":5}}""", "it maps the tensor 'w' to a Number, expected a file's name")]
    [InlineData("""{"weight_map":{"w":"s","w":"s"}}""", "it maps the tensor 'w' twice")]
    [InlineData("""{"weight_map":{"\ud800":"s"}}""", "not valid Unicode")]
    public void An_index_of_another_form_is_refused(string index, string expected)
    {
        WriteIndex(index);
        AssertRefused(expected, Index);
    }

    [Fact]
    public void A_broken_shard_is_named()
    {
        _folder.Raw("s0", "{");
        WriteIndex("""{"weight_map":{"w":"s0"}}""");
        AssertRefused("s0' is not a usable safetensors file");
    }

    [Fact]
    public void Prefetch_reports_each_stride_and_ends_at_the_number_of_bytes()
    {
        const long Large = (130L << 20) + 5;
        _folder.Raw("s0", $$$"""{"w":{"dtype":"I8","shape":[{{{Large}}}],"data_offsets":[0,{{{Large}}}]}}""", Large);
        Shard("s1", "x");
        Shard("s2");
        WriteIndex("""{"weight_map":{"w":"s0","x":"s1"}}""");
        using Checkpoint checkpoint = Checkpoint.Open(_folder.Path);
        var reports = new Reports();
        checkpoint.Prefetch(reports, TestContext.Current.CancellationToken);
        Assert.Equal([64L << 20, 128L << 20, Large, Large + 2], reports.Values);
        Assert.Equal(checkpoint.Bytes, reports.Values[^1]);
        checkpoint.Prefetch(null, TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Prefetch_stops_when_told_to()
    {
        const long Large = 130L << 20;
        _folder.Raw("model.safetensors", $$$"""{"w":{"dtype":"I8","shape":[{{{Large}}}],"data_offsets":[0,{{{Large}}}]}}""", Large);
        using Checkpoint checkpoint = Checkpoint.Open(_folder.Path);
        using var source = new CancellationTokenSource();
        var reports = new Reports { OnReport = source.Cancel };
        Assert.Throws<OperationCanceledException>(() => checkpoint.Prefetch(reports, source.Token));
        Assert.Equal([64L << 20], reports.Values);
    }

    /// <summary>Makes a shard whose tensors are i8 [2].</summary>
    private string Shard(string name, params string[] tensors)
    {
        var entries = tensors.Select((tensor, i) => $$"""
            "{{tensor}}":{"dtype":"I8","shape":[2],"data_offsets":[{{2 * i}},{{(2 * i) + 2}}]}
            """);
        return _folder.Raw(name, "{" + string.Join(',', entries) + "}", 2 * tensors.Length);
    }

    private void WriteIndex(string json) => File.WriteAllText(_folder.At(Index), json);

    private static string Refusal(string path) => Assert.Throws<InputException>(() => Checkpoint.Open(path)).Message;

    private void AssertRefused(params string[] expected)
    {
        string message = Refusal(_folder.Path);
        Assert.All(expected, part => Assert.Contains(part, message, StringComparison.Ordinal));
        Assert.Contains(_folder.Path, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    private sealed class Reports : IProgress<long>
    {
        public List<long> Values { get; } = [];

        public Action? OnReport { get; init; }

        public void Report(long value)
        {
            Values.Add(value);
            OnReport?.Invoke();
        }
    }
}
