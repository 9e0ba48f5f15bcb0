namespace Lean.Tensors.Tests;

public sealed class SafetensorsWriterFaultTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly HostBuffer _buffer = new(64);

    public void Dispose()
    {
        _folder.Dispose();
        _buffer.Dispose();
    }

    [Fact]
    public void A_missing_folder_is_named()
    {
        string path = _folder.At("absent/x.safetensors");
        var fault = Assert.Throws<InputException>(() => SafetensorsWriter.Write(path, []));
        Assert.Contains(_folder.At("absent"), fault.Message, StringComparison.Ordinal);
        Assert.Contains("does not exist", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_in_place_of_a_file_is_refused()
    {
        var fault = Assert.Throws<InputException>(() => SafetensorsWriter.Write(_folder.Path, []));
        Assert.Contains("is a folder", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\0b")]
    public void A_path_that_names_nothing_is_refused(string path) =>
        Assert.Throws<InputException>(() => SafetensorsWriter.Write(path, []));

    [Fact]
    public void A_name_given_twice_or_reserved_or_a_tensor_never_set_is_a_mistake_of_the_caller()
    {
        Tensor tensor = _buffer.View(DType.I8, new Shape(4));
        string path = _folder.At("x.safetensors");
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(path, [new("a", tensor), new("a", tensor)]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(path, [new("__metadata__", tensor)]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(path, [new("a", new Tensor(DType.I8, new Shape(4), 0))]));
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void A_disk_without_the_room_is_the_machines_fault_and_leaves_no_file()
    {
        // More than any disk holds; the view is never read, since its size alone is refused.
        const long TooMuch = 1L << 60;
        Tensor tensor = new(DType.I8, new Shape(TooMuch), _buffer.Address);
        var fault = Assert.Throws<MachineException>(() => SafetensorsWriter.Write(_folder.At("x.safetensors"), [new("a", tensor)]));
        Assert.Matches(@"x\.safetensors' takes 1,152,921,504,606,8\d\d,\d\d\d bytes, but its disk has [\d,]+ free$", fault.Message);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void A_disk_that_fills_up_while_writing_is_the_machines_fault()
    {
        LeanException fault = FileFaults.Writing("x.safetensors", 5000, new IOException("No space left on device."));
        Assert.IsType<MachineException>(fault);
        Assert.Equal("'x.safetensors' could not be written, its 5,000 bytes may need more room than the disk has: No space left on device", fault.Message);
    }
}
